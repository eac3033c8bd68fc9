// Runs before the first paint: marks that scripts run, and applies the chosen or the system's theme.
(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("wb-js");
  var chosen = null;
  try { chosen = localStorage.getItem("wb-theme"); } catch (error) { chosen = null; }
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    var theme = chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
    root.setAttribute("data-bs-theme", theme);
  }
  dark.addEventListener("change", apply);
  window.wbToggleTheme = function () {
    var next = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
    // Choosing what the system says anyway means: follow the system again.
    chosen = next === (dark.matches ? "dark" : "light") ? null : next;
    try {
      if (chosen) { localStorage.setItem("wb-theme", chosen); } else { localStorage.removeItem("wb-theme"); }
    } catch (error) { /* a browser without storage forgets the choice */ }
    apply();
  };
  apply();
})();
