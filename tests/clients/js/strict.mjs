// openid-client as released, as the strict client of FAPI 2.0: private_key_jwt, pushed requests, DPoP. Environment: ISSUER,
// APP_ID, CALLBACK, GRAPH. It prints its public key; reads "go"; prints where the person must go; reads the address that the
// person came back to; prints what it then did. One line of JSON each.
import readline from "node:readline";
import * as client from "openid-client";

const { ISSUER, APP_ID, CALLBACK, GRAPH } = process.env;
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => (await lines.next()).value;
const say = (value) => console.log(JSON.stringify(value));

try {
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  say({ kty, crv, x, y });
  await next();
  const insecure = { execute: [client.allowInsecureRequests] };
  const config = await client.discovery(new URL(ISSUER), APP_ID, undefined, client.PrivateKeyJwt(pair.privateKey), insecure);
  client.enableNonRepudiationChecks(config);
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  const verifier = client.randomPKCECodeVerifier();
  const asked = { pkceCodeVerifier: verifier, expectedState: client.randomState(), expectedNonce: client.randomNonce(), idTokenExpected: true };
  const address = await client.buildAuthorizationUrlWithPAR(config, {
    redirect_uri: CALLBACK, scope: "openid email offline_access pages_show_list", state: asked.expectedState, nonce: asked.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  }, { DPoP });
  say({ address: address.href });
  const tokens = await client.authorizationCodeGrant(config, new URL(await next()), asked, undefined, { DPoP });
  const claims = tokens.claims();
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub, { DPoP });
  const fresh = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  const read = await client.fetchProtectedResource(config, fresh.access_token, new URL(GRAPH), "GET", undefined, undefined, { DPoP });
  const active = await client.tokenIntrospection(config, fresh.access_token);
  await client.tokenRevocation(config, fresh.refresh_token);
  const dead = await client.tokenIntrospection(config, fresh.access_token);
  const bearer = await fetch(GRAPH, { headers: { authorization: `Bearer ${tokens.access_token}` } });
  const out = client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, state: "bye" }).href;
  say({ kind: tokens.token_type, sid: claims.sid, sub: claims.sub, userinfo, read: await read.json(), active, dead, bearer: bearer.status, out });
} catch (error) {
  say({ name: error.name, message: error.message, code: error.code, error: error.error, description: error.error_description, cause: String(error.cause) });
}
process.exit(0);
