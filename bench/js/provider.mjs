// The peer: npm's oidc-provider doing introspection. Arguments: port, and an address of PostgreSQL to keep everything there
// instead of in memory.
import Provider from "oidc-provider";
import pg from "pg";

const [port, database] = process.argv.slice(2);

// The adapter that oidc-provider asks for: a table with a row for each thing, looked up by its model and id.
class Stored {
  static pool = database && new pg.Pool({ connectionString: database, max: 10 });
  static async prepare() {
    await Stored.pool.query(
      `CREATE TABLE peer (model text, id text, payload jsonb NOT NULL, grant_id text, uid text, user_code text,
       expires_at timestamptz, consumed_at timestamptz, PRIMARY KEY (model, id))`);
    for (const column of ["grant_id", "uid", "user_code"]) await Stored.pool.query(`CREATE INDEX ON peer (${column})`);
  }
  constructor(model) { this.model = model; }
  async upsert(id, payload, seconds) {
    await Stored.pool.query({ name: "upsert", text:
      `INSERT INTO peer VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (model, id) DO UPDATE SET payload = $3, expires_at = $7`,
      values: [this.model, id, payload, payload.grantId, payload.uid, payload.userCode, seconds ? new Date(Date.now() + seconds * 1000) : null] });
  }
  async one(column, value) {
    const found = await Stored.pool.query({ name: `find ${column}`, text:
      `SELECT payload, consumed_at FROM peer WHERE model = $1 AND ${column} = $2 AND (expires_at IS NULL OR expires_at > now())`,
      values: [this.model, value] });
    if (!found.rowCount) return undefined;
    const { payload, consumed_at: consumed } = found.rows[0];
    return consumed ? { ...payload, consumed: true } : payload;
  }
  find(id) { return this.one("id", id); }
  findByUid(uid) { return this.one("uid", uid); }
  findByUserCode(code) { return this.one("user_code", code); }
  async destroy(id) { await Stored.pool.query("DELETE FROM peer WHERE model = $1 AND id = $2", [this.model, id]); }
  async consume(id) { await Stored.pool.query("UPDATE peer SET consumed_at = now() WHERE model = $1 AND id = $2", [this.model, id]); }
  async revokeByGrantId(id) { await Stored.pool.query("DELETE FROM peer WHERE grant_id = $1", [id]); }
}

if (database) await Stored.prepare();
const provider = new Provider(`http://127.0.0.1:${port}`, {
  ...(database ? { adapter: Stored } : {}),
  clients: [{ client_id: "bench", client_secret: "bench-secret", grant_types: ["client_credentials"], redirect_uris: [], response_types: [] }],
  features: { clientCredentials: { enabled: true }, introspection: { enabled: true }, devInteractions: { enabled: false } },
  cookies: { keys: ["bench"] },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
