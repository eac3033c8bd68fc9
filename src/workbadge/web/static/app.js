// Behaviour of the pages: dialogs, menus, copying, secrets, the consent tree. Every page works without it.
(function () {
  "use strict";

  function say(text) {
    var live = document.getElementById("wb-live");
    if (!live) {
      live = document.createElement("div");
      live.id = "wb-live";
      live.className = "visually-hidden";
      live.setAttribute("role", "status");
      document.body.appendChild(live);
    }
    live.textContent = text;
  }

  // Menus: <details data-menu>; one is open at a time, Escape and a click elsewhere close it.
  function closeMenus(but) {
    document.querySelectorAll("details[data-menu][open]").forEach(function (menu) {
      if (menu !== but) { menu.open = false; }
    });
  }

  // Dialogs
  function openDialog(id) {
    var dialog = document.getElementById(id);
    if (!dialog || typeof dialog.showModal !== "function") { return false; }
    closeMenus(null);
    dialog.showModal();
    return true;
  }

  // Copying
  function copy(button) {
    var text = button.getAttribute("data-copy");
    function done() {
      button.classList.add("wb-copied");
      say("Copied");
      window.setTimeout(function () { button.classList.remove("wb-copied"); }, 1600);
    }
    if (navigator.clipboard && window.isSecureContext) {
      navigator.clipboard.writeText(text).then(done, function () { say("Copying failed"); });
      return;
    }
    var area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    document.body.appendChild(area);
    area.select();
    if (document.execCommand("copy")) { done(); }
    area.remove();
  }

  function reveal(button) {
    var shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shown));
    button.closest("[data-secret]").querySelector(".wb-secret-value").classList.toggle("wb-masked", !shown);
  }

  // The consent tree
  function boxes(scope, onlyVisible) {
    return Array.prototype.filter.call(scope.querySelectorAll("[data-tree-item] input"), function (box) {
      return !box.disabled && !(onlyVisible && box.closest("[data-tree-item]").hidden);
    });
  }

  function refreshTree(tree) {
    var all = boxes(tree, false);
    var n = all.filter(function (box) { return box.checked; }).length;
    var count = tree.querySelector("[data-tree-count]");
    if (count) { count.textContent = n === 0 ? "Nothing selected" : n + " selected"; }
    tree.querySelectorAll("[data-tree-group]").forEach(function (group) {
      var head = group.querySelector("[data-tree-all]");
      var seen = boxes(group, true);
      var on = seen.filter(function (box) { return box.checked; }).length;
      head.disabled = seen.length === 0;
      head.checked = seen.length > 0 && on === seen.length;
      head.indeterminate = on > 0 && on < seen.length;
    });
    document.querySelectorAll("[data-tree-submit]").forEach(function (button) {
      button.textContent = n ? button.getAttribute("data-tree-submit").replace("{n}", n) : button.getAttribute("data-tree-none-label") || button.textContent;
    });
  }

  function searchTree(tree, words) {
    var wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    var any = false;
    tree.querySelectorAll("[data-tree-item]").forEach(function (item) {
      var text = item.getAttribute("data-tree-item");
      var byId = wanted.length === 1 && wanted[0] === item.getAttribute("data-tree-id");
      item.hidden = !byId && !wanted.every(function (word) { return text.indexOf(word) >= 0; });
    });
    ["[data-tree-group]", "[data-tree-business]"].forEach(function (part) {
      tree.querySelectorAll(part).forEach(function (box) {
        box.hidden = !box.querySelector("[data-tree-item]:not([hidden])");
        any = any || !box.hidden;
      });
    });
    tree.querySelector("[data-tree-none]").hidden = any;
    refreshTree(tree);
  }

  document.addEventListener("click", function (event) {
    var target = event.target;
    if (!(target instanceof Element)) { return; }
    closeMenus(target.closest("details[data-menu]"));
    var found = target.closest("[data-dialog]");
    if (found) { if (openDialog(found.getAttribute("data-dialog"))) { event.preventDefault(); } return; }
    found = target.closest("[data-dialog-close]");
    if (found) { event.preventDefault(); found.closest("dialog").close(); return; }
    if (target.tagName === "DIALOG" && target.classList.contains("wb-dialog")) { target.close(); return; }
    found = target.closest("[data-copy]");
    if (found) { copy(found); return; }
    found = target.closest("[data-reveal]");
    if (found) { reveal(found); return; }
    found = target.closest("[data-theme-toggle]");
    if (found) { window.wbToggleTheme(); return; }
    found = target.closest("[data-tree-before]");
    if (found) {
      var trees = document.querySelectorAll("[data-tree]");
      if (trees.length) { event.preventDefault(); }
      trees.forEach(function (tree) {
        boxes(tree, false).forEach(function (box) { box.checked = box.hasAttribute("data-before"); });
        refreshTree(tree);
      });
      say("Selected what this app had before");
    }
  });

  document.addEventListener("keydown", function (event) {
    var target = event.target instanceof Element ? event.target : document.body;
    if (event.key === "Escape") {
      var open = document.querySelector("details[data-menu][open]");
      if (open) { open.open = false; open.querySelector("summary").focus(); }
    } else if (event.key === " " && target.matches("a[role=button]")) {
      event.preventDefault();
      target.click();
    } else if (event.key === "Enter" && target.matches("[data-tree-search]")) {
      event.preventDefault();
    }
  });

  document.addEventListener("change", function (event) {
    var tree = event.target.closest("[data-tree]");
    if (!tree) { return; }
    if (event.target.matches("[data-tree-all]")) {
      boxes(event.target.closest("[data-tree-group]"), true).forEach(function (box) { box.checked = event.target.checked; });
    }
    refreshTree(tree);
  });

  document.addEventListener("input", function (event) {
    if (event.target.matches("[data-tree-search]")) { searchTree(event.target.closest("[data-tree]"), event.target.value); }
  });

  // A form is sent once.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) { return; }
    if (form.hasAttribute("data-sent")) { event.preventDefault(); return; }
    form.setAttribute("data-sent", "");
    window.setTimeout(function () { form.removeAttribute("data-sent"); }, 4000);
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) { form.removeAttribute("data-sent"); });
  });

  // What was typed before this ran, or put back by the browser, counts too.
  document.querySelectorAll("[data-tree]").forEach(function (tree) {
    var search = tree.querySelector("[data-tree-search]");
    if (search && search.value) { searchTree(tree, search.value); } else { refreshTree(tree); }
  });

  // What a page found is read out: a status that is there from the start is not.
  var found = document.querySelector("[data-say]");
  if (found) {
    say("");
    window.setTimeout(function () { say(found.textContent.replace(/\s+/g, " ").trim()); }, 300);
  }
})();
