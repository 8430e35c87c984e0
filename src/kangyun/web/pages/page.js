// The page at `/`. Everything shown is set as text, never as HTML: what a record holds is not ours to trust.
// Written for Chrome 78: no optional chaining, no nullish coalescing.
"use strict";

var WORDS = {
  zh: {
    ready: "系统就绪", notReady: "系统尚未就绪", version: "版本 ", signedIn: "已登录：", signInFirst: "请先登录。",
    none: "没有符合条件的记录。", count: "本页 ", records: " 条记录", total: "，共 ", failed: "未能完成：", other: "English"
  },
  en: {
    ready: "Ready", notReady: "Not ready yet", version: "version ", signedIn: "Signed in: ", signInFirst: "Sign in first.",
    none: "No record matches.", count: "", records: " records on this page", total: ", of ", failed: "Not done: ", other: "中文"
  }
};
var state = { language: "zh", token: null, user: "", ready: null, about: null, bundle: null, view: "table", message: null };

function element(id) { return document.getElementById(id); }
function words() { return WORDS[state.language]; }

function show() {
  document.documentElement.lang = state.language === "zh" ? "zh-CN" : "en";
  document.querySelectorAll("[data-zh]").forEach(function (node) { node.textContent = node.getAttribute("data-" + state.language); });
  element("language").textContent = words().other;
  element("language").lang = state.language === "zh" ? "en" : "zh-CN";
  element("ready").textContent = state.ready === null ? "…" : state.ready ? words().ready : words().notReady;
  element("ready").className = state.ready ? "good" : "bad";
  element("version").textContent = state.about && state.about.version ? words().version + state.about.version : "";
  var demonstration = Boolean(state.about && state.about.demonstration), inside = demonstration || Boolean(state.token);
  element("demonstration").hidden = !demonstration;
  document.querySelectorAll("[data-shown]").forEach(function (node) {
    node.hidden = !(node.getAttribute("data-shown") === "inside" ? inside : demonstration);
  });
  element("base").textContent = location.origin + "/fhir";
  element("who").textContent = state.token ? words().signedIn + state.user : "";
  element("message").textContent = state.message ? state.message() : "";
  showBundle();
}

function showBundle() {
  var entries = state.bundle ? (state.bundle.entry || []) : [];
  element("views").hidden = !state.bundle;
  element("next").hidden = !nextLink();
  element("table").hidden = !(entries.length && state.view === "table");
  element("json").hidden = !(state.bundle && state.view === "json");
  element("json").textContent = state.bundle ? JSON.stringify(state.bundle, null, 2) : "";
  var rows = element("rows");
  while (rows.firstChild) { rows.removeChild(rows.firstChild); }
  entries.forEach(function (entry) {
    var resource = entry.resource || {}, meta = resource.meta || {}, row = document.createElement("tr");
    [resource.id, brief(resource), about(resource), localTime(meta.lastUpdated)].forEach(function (text) {
      var cell = document.createElement("td");
      cell.textContent = text || "";
      row.appendChild(cell);
    });
    rows.appendChild(row);
  });
}

function first(value) { return Array.isArray(value) ? value[0] : value; }

function label(value) {
  var one = first(value);
  if (!one || typeof one !== "object") { return one === undefined || one === null ? "" : String(one); }
  var coding = first(one.coding) || {}, given = Array.isArray(one.given) ? one.given.join("") : "";
  return one.text || one.display || coding.display || coding.code || (one.family || "") + given || one.reference || "";
}

function brief(resource) {
  var quantity = resource.valueQuantity, parts = [
    label(resource.name || resource.deviceName), label(resource.code || resource.vaccineCode || resource.medicationCodeableConcept),
    quantity ? quantity.value + " " + (quantity.unit || quantity.code || "") : label(resource.valueCodeableConcept || resource.valueString),
    label(resource.type || resource.category), resource.gender, resource.birthDate, resource.status
  ];
  return parts.filter(function (part) { return typeof part === "string" && part; }).join(" · ");
}

function about(resource) { return label(resource.subject || resource.patient || resource.beneficiary || resource.for); }

function localTime(instant) {
  return instant ? new Date(instant).toLocaleString(state.language === "zh" ? "zh-CN" : "en-GB") : "";
}

function nextLink() {
  var links = state.bundle ? (state.bundle.link || []) : [];
  var next = links.filter(function (link) { return link.relation === "next"; })[0];
  return next ? next.url : null;
}

// The server's links carry its public address; this page asks the server that it came from.
function here(url) { var parsed = new URL(url, location.origin); return parsed.pathname + parsed.search; }

function say(message) { state.message = message; show(); }

function failed(body) {
  var issue = first(body && body.issue) || {}, text = label(issue.details) || issue.diagnostics || "";
  say(function () { return words().failed + text; });
}

function search(path) {
  if (!state.token) { state.bundle = null; say(function () { return words().signInFirst; }); return; }
  fetch(path, { headers: { Authorization: "Bearer " + state.token, Accept: "application/fhir+json", "Accept-Language": state.language } })
    .then(function (answer) {
      return answer.json().then(function (body) {
        if (!answer.ok) { state.bundle = null; failed(body); return; }
        state.bundle = body;
        var found = (body.entry || []).length, total = body.total;
        say(function () {
          if (!found) { return words().none; }
          return words().count + found + words().records + (total === undefined ? "" : words().total + total);
        });
      });
    })
    .catch(function () { state.bundle = null; failed(null); });
}

element("language").addEventListener("click", function () { state.language = state.language === "zh" ? "en" : "zh"; show(); });
element("as-table").addEventListener("click", function () { state.view = "table"; show(); });
element("as-json").addEventListener("click", function () { state.view = "json"; show(); });
element("next").addEventListener("click", function () { search(here(nextLink())); });
element("search").addEventListener("submit", function (event) {
  event.preventDefault();
  var query = element("query").value.trim();
  search("/fhir/" + encodeURIComponent(element("type").value.trim()) + (query ? "?" + encodeURI(query) : ""));
});
element("sign-in").addEventListener("submit", function (event) {
  event.preventDefault();
  var user = element("user").value, password = element("password").value;
  fetch("/sign-in", {
    method: "POST", headers: { "Content-Type": "application/json", "Accept-Language": state.language },
    body: JSON.stringify({ user: user, password: password })
  }).then(function (answer) {
    return answer.json().then(function (body) {
      if (!answer.ok) { state.token = null; failed(body); return; }
      state.token = body.access_token;
      state.user = user;
      element("password").value = "";
      say(null);
    });
  }).catch(function () { failed(null); });
});

// Who comes from /account has signed in there, with a second factor where one is needed.
if (window.location.hash === "#account") {
  fetch("/account/token", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" })
    .then(function (answer) {
      return answer.json().then(function (body) {
        if (!answer.ok) { failed(null); return; }
        state.token = body.access_token;
        state.user = "/account";
        show();
      });
    }).catch(function () { failed(null); });
}

function look() {
  fetch("/health/ready").then(function (answer) { state.ready = answer.ok; show(); }).catch(function () { state.ready = false; show(); });
}

fetch("/about").then(function (answer) { return answer.json(); }).then(function (body) { state.about = body; show(); });
fetch("/fhir/metadata", { headers: { Accept: "application/fhir+json" } }).then(function (answer) { return answer.json(); }).then(function (body) {
  ((first(body.rest) || {}).resource || []).forEach(function (resource) {
    var option = document.createElement("option");
    option.value = resource.type;
    element("types").appendChild(option);
  });
});
look();
setInterval(look, 10000);
show();
