"use strict";
// Light or dark: as the system has it, until somebody chooses by the button `theme`, which is hidden where no script runs.
(function () {
  var root = document.documentElement;
  var remember = function (value) { try { localStorage.setItem("layersift-theme", value); } catch (error) { return; } };
  var recalled = function () { try { return localStorage.getItem("layersift-theme"); } catch (error) { return null; } };
  var saved = recalled();
  // Before anything is drawn.
  if (saved === "dark" || saved === "light") { root.setAttribute("data-theme", saved); }

  document.addEventListener("DOMContentLoaded", function () {
    var theme = document.getElementById("theme");
    theme.closest("[hidden]").hidden = false;
    theme.addEventListener("click", function () {
      var dark = root.getAttribute("data-theme")
        ? root.getAttribute("data-theme") === "dark"
        : window.matchMedia("(prefers-color-scheme: dark)").matches;
      root.setAttribute("data-theme", dark ? "light" : "dark");
      remember(dark ? "light" : "dark");
    });
  });
})();
