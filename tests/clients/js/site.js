// A site with passport-facebook as released. Environment: GRAPH (without it: the strategy's own addresses), APP_ID, APP_SECRET;
// argument: port.
const http = require("http");
const passport = require("passport-facebook");
const { GRAPH, APP_ID, APP_SECRET } = process.env;
const port = Number(process.argv[2]);
const callbackURL = `http://localhost:${port}/callback`;

const addresses = GRAPH ? {
  authorizationURL: `${GRAPH}/v26.0/dialog/oauth`, tokenURL: `${GRAPH}/v26.0/oauth/access_token`, profileURL: `${GRAPH}/v26.0/me`,
} : {};
const strategy = new passport.Strategy({
  clientID: APP_ID, clientSecret: APP_SECRET, callbackURL, ...addresses, profileFields: ["id", "displayName", "emails"], enableProof: true,
}, (accessToken, refreshToken, profile, done) => done(null, { name: profile.displayName, emails: profile.emails, token: accessToken }));

http.createServer((request, response) => {
  const url = new URL(request.url, `http://localhost:${port}`);
  request.query = Object.fromEntries(url.searchParams);
  const answer = (status, body) => { response.writeHead(status, { "content-type": "application/json" }); response.end(JSON.stringify(body)); };
  const run = Object.create(strategy);
  run.success = (user) => answer(200, user);
  run.fail = (challenge) => answer(401, { failed: challenge && challenge.message });
  run.error = (error) => answer(500, { name: error.name, message: error.message, code: error.code, subcode: error.subcode, type: error.type });
  run.redirect = (target) => { response.writeHead(302, { location: target }); response.end(); };
  if (url.pathname === "/login" || url.pathname === "/callback") {
    run.authenticate(request, { scope: ["email"] });
  } else answer(404, {});
}).listen(port, "localhost", () => console.log("ready"));
