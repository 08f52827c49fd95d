(function () {
  document.addEventListener("DOMContentLoaded", function () {
    var live = document.getElementById("live");
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
