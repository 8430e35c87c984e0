// Asks what a page cannot: the browser's passkeys, and the vendor's service for USB keys on this computer.
// The answer goes into the page's own form. Plain ES2017: hospitals' browsers are Chrome 78 or newer.
(function () {
  "use strict";
  var place = document.getElementById("ask");
  var field = document.querySelector('input[name="proof"]');
  if (!place || !field) return;
  var asked = JSON.parse(place.dataset.ask);

  function bytes(text) {
    var plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, function (sign) { return sign.charCodeAt(0); });
  }

  function text(buffer) {
    var plain = String.fromCharCode.apply(null, new Uint8Array(buffer));
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function send(proof) {
    proof.challenge = asked.challenge;
    field.value = JSON.stringify(proof);
    field.form.querySelector("button").click();
  }

  function ids(list) {
    return (list || []).map(function (one) { return Object.assign({}, one, { id: bytes(one.id) }); });
  }

  async function passkey(options) {
    var keys = Object.assign({}, options, { challenge: bytes(options.challenge) });
    var made, response = {};
    if (options.user) {
      keys.user = Object.assign({}, options.user, { id: bytes(options.user.id) });
      keys.excludeCredentials = ids(options.excludeCredentials);
      made = await navigator.credentials.create({ publicKey: keys });
      response.attestationObject = text(made.response.attestationObject);
    } else {
      keys.allowCredentials = ids(options.allowCredentials);
      made = await navigator.credentials.get({ publicKey: keys });
      response.authenticatorData = text(made.response.authenticatorData);
      response.signature = text(made.response.signature);
    }
    response.clientDataJSON = text(made.response.clientDataJSON);
    send({ credential: { id: made.id, rawId: text(made.rawId), type: made.type, response: response } });
  }

  function named(answer, name) {
    return name.split(".").reduce(function (inner, part) { return inner[part]; }, answer);
  }

  async function usbKey(vendors) {
    for (var vendor of vendors) {
      try {
        var body = vendor.method === "POST" ? vendor.body : undefined;
        var answer = await (await fetch(vendor.url, { method: vendor.method, body: body })).json();
        send({ vendor: vendor.id, signature: named(answer, vendor.signature) });
        return;
      } catch (error) {
        continue; // This vendor's service does not run here.
      }
    }
  }

  if (asked.kind === "passkey") passkey(asked.with).catch(function () {});
  if (asked.kind === "usb-key") usbKey(asked.with.vendors);
})();
