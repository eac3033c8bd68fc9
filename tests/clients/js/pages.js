// A plain Node client of the original host: follows paging.next as given. Argument: token. Prints the ids it saw.
const https = require("https");
const read = (url) => new Promise((resolve, reject) => https.get(url, (answer) => {
  let text = "";
  answer.on("data", (part) => { text += part; }).on("end", () => resolve(JSON.parse(text)));
}).on("error", reject));

(async () => {
  const links = [], ids = [];
  let next = `https://graph.facebook.com/v3.2/me/accounts?limit=1&access_token=${process.argv[2]}`;
  while (next) {
    links.push(next.split("?")[0]);
    const page = await read(next);
    ids.push(...page.data.map((one) => one.id));
    next = page.paging && page.paging.next;
  }
  console.log(JSON.stringify({ links: [...new Set(links)], ids: new Set(ids).size }));
})();
