"use strict";
(function () {
  var root = document.documentElement;
  var remember = function (value) { try { localStorage.setItem("layersift-theme", value); } catch (error) { return; } };
  var recalled = function () { try { return localStorage.getItem("layersift-theme"); } catch (error) { return null; } };
  var saved = recalled();
  // Before anything is drawn.
  if (saved === "dark" || saved === "light") { root.setAttribute("data-theme", saved); }

  document.addEventListener("DOMContentLoaded", function () {
    var theme = document.getElementById("theme"), live = document.getElementById("live");
    theme.hidden = false;
    theme.addEventListener("click", function () {
      var dark = root.getAttribute("data-theme")
        ? root.getAttribute("data-theme") === "dark"
        : window.matchMedia("(prefers-color-scheme: dark)").matches;
      root.setAttribute("data-theme", dark ? "light" : "dark");
      remember(dark ? "light" : "dark");
    });
    document.addEventListener("keydown", function (event) {
      var typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      var search = document.querySelector("[role=search] input[type=search]");
      if (event.key === "/" && search && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        search.focus();
      }
    });
    if (live) { watch(live); }
  });

  // Asks for what is under way as long as somebody looks at it, and less often of a service that does not answer.
  function watch(live) {
    var pause = 2000;
    function again() { setTimeout(look, pause); }
    function look() {
      if (document.hidden) { again(); return; }
      fetch(live.dataset.live, { credentials: "same-origin", redirect: "error" }).then(function (answer) {
        if (!answer.ok) { throw new Error(String(answer.status)); }
        return answer.text();
      }).then(function (text) {
        // Made by the same templates as the page, with every text escaped.
        if (!live.contains(document.activeElement)) { live.innerHTML = text; }
        pause = 2000;
        again();
      }).catch(function () {
        pause = Math.min(pause * 2, 60000);
        again();
      });
    }
    again();
  }
})();
