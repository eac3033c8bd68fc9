// A site with openid-client as released. Environment: ISSUER, APP_ID, APP_SECRET; argument: port.
// /login?scope=…&… starts a login; /callback answers with everything that the library then did: grant, userinfo,
// introspection, refresh, revocation. Every check that the library makes is on; only plain http is allowed.
import http from "node:http";
import * as client from "openid-client";

const { ISSUER, APP_ID, APP_SECRET } = process.env;
const port = Number(process.argv[2]);
const home = `http://localhost:${port}`;
const insecure = { execute: [client.allowInsecureRequests] };
const config = await client.discovery(new URL(ISSUER), APP_ID, undefined, client.ClientSecretBasic(APP_SECRET), insecure);
const plain = await client.discovery(
  new URL(ISSUER), APP_ID, undefined, client.ClientSecretPost(APP_SECRET), { ...insecure, algorithm: "oauth2" },
);
client.enableNonRepudiationChecks(config);
let asked;

async function login(parameters) {
  const verifier = client.randomPKCECodeVerifier();
  asked = { pkceCodeVerifier: verifier, expectedState: client.randomState(), expectedNonce: client.randomNonce(), idTokenExpected: true };
  return client.buildAuthorizationUrl(config, {
    redirect_uri: `${home}/callback`, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
    state: asked.expectedState, nonce: asked.expectedNonce, ...parameters,
  });
}

async function callback(url) {
  const tokens = await client.authorizationCodeGrant(config, url, asked);
  const claims = tokens.claims();
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  const active = await client.tokenIntrospection(config, tokens.access_token);
  const refreshed = await client.refreshTokenGrant(plain, tokens.refresh_token);
  await client.tokenRevocation(plain, refreshed.refresh_token);
  const dead = await client.tokenIntrospection(plain, refreshed.access_token);
  return { claims, userinfo, active, refreshed: refreshed.claims()?.sub, scope: tokens.scope, details: tokens.authorization_details, dead };
}

http.createServer(async (request, response) => {
  const url = new URL(request.url, home);
  const answer = (status, body) => { response.writeHead(status, { "content-type": "application/json" }); response.end(JSON.stringify(body)); };
  try {
    if (url.pathname === "/login") {
      response.writeHead(302, { location: (await login(Object.fromEntries(url.searchParams))).href });
      response.end();
    } else if (url.pathname === "/callback") answer(200, await callback(url));
    else answer(404, {});
  } catch (error) {
    answer(500, { name: error.name, message: error.message, code: error.code, error: error.error, description: error.error_description });
  }
}).listen(port, "localhost", () => console.log("ready"));
