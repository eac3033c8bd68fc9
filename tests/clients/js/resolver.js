// Where no network namespace is to be had: the original names lead to RESOLVE_TO, in this process alone.
const dns = require("dns");
const lookup = dns.lookup;
dns.lookup = (name, ...rest) => lookup(/(^|\.)facebook\.com$/.test(name) ? process.env.RESOLVE_TO : name, ...rest);
