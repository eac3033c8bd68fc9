// Passkeys: a form with data-passkey="get" or "create" asks the browser for one, and sends what it answers.
(function () {
  "use strict";
  if (!window.PublicKeyCredential || !navigator.credentials) { return; }

  function bytes(text) {
    var plain = window.atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, function (one) { return one.charCodeAt(0); });
  }

  function text(buffer) {
    var plain = "";
    new Uint8Array(buffer).forEach(function (one) { plain += String.fromCharCode(one); });
    return window.btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function named(list) {
    return (list || []).map(function (one) { return Object.assign({}, one, { id: bytes(one.id) }); });
  }

  function asked(options) {
    options.challenge = bytes(options.challenge);
    if (options.user) { options.user.id = bytes(options.user.id); }
    if (options.excludeCredentials) { options.excludeCredentials = named(options.excludeCredentials); }
    if (options.allowCredentials) { options.allowCredentials = named(options.allowCredentials); }
    return { publicKey: options };
  }

  function answered(found) {
    var response = { clientDataJSON: text(found.response.clientDataJSON) };
    ["attestationObject", "authenticatorData", "signature", "userHandle"].forEach(function (name) {
      if (found.response[name]) { response[name] = text(found.response[name]); }
    });
    return JSON.stringify({ id: found.id, rawId: text(found.rawId), type: found.type, response: response });
  }

  document.querySelectorAll("form[data-passkey]").forEach(function (form) {
    var said = form.querySelector("[data-passkey-said]");
    form.hidden = false;
    form.addEventListener("submit", function (event) {
      if (form.elements.credential.value) { return; }
      event.preventDefault();
      event.stopPropagation();
      said.textContent = "";
      var options = asked(JSON.parse(form.getAttribute("data-options")));
      navigator.credentials[form.getAttribute("data-passkey")](options).then(function (found) {
        form.elements.credential.value = answered(found);
        form.submit();
      }).catch(function () {
        said.textContent = "No passkey was used. You can try again, or use another way.";
      });
    });
  });
})();
