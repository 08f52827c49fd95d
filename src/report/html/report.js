(function () {
  var all = function (selector) { return Array.prototype.slice.call(document.querySelectorAll(selector)); };
  var cards = all(".card"), rows = all(".row"), severities = all("[data-severity-filter]");
  var search = document.getElementById("search"), state = document.getElementById("state");
  var count = document.getElementById("count"), clear = document.getElementById("clear");
  var pressed = function (button) { return button.getAttribute("aria-pressed") === "true"; };
  var press = function (button, on) { button.setAttribute("aria-pressed", on ? "true" : "false"); };

  all(".controls").forEach(function (element) { element.hidden = false; });
  cards.forEach(function (card) { card.words = card.textContent.toLowerCase(); });

  function apply() {
    var words = search ? search.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
    var wanted = severities.filter(pressed).map(function (button) { return button.dataset.severityFilter; });
    var row = rows.filter(pressed)[0], shown = 0;
    cards.forEach(function (card) {
      var fits = words.every(function (word) { return card.words.indexOf(word) >= 0; })
        && (!wanted.length || wanted.indexOf(card.dataset.severity) >= 0)
        && (!state.value || card.dataset.states.split(" ").indexOf(state.value) >= 0)
        && (!row || card.dataset.rows.split(" ").indexOf(row.dataset.row) >= 0);
      card.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    var filtered = shown < cards.length || words.length || wanted.length || row || state.value;
    count.textContent = shown + " of " + cards.length + (cards.length === 1 ? " finding" : " findings");
    clear.hidden = !filtered;
    all(".none").forEach(function (note) { note.hidden = shown > 0; });
  }

  function reset() {
    if (search) { search.value = ""; }
    state.value = "";
    severities.concat(rows).forEach(function (button) { press(button, false); });
    apply();
  }

  if (count) {
    severities.forEach(function (button) {
      button.addEventListener("click", function () { press(button, !pressed(button)); apply(); });
    });
    rows.forEach(function (row) {
      row.addEventListener("click", function () {
        var on = !pressed(row);
        rows.forEach(function (other) { press(other, false); });
        press(row, on);
        apply();
      });
    });
    search.addEventListener("input", apply);
    state.addEventListener("change", apply);
    clear.addEventListener("click", function () { reset(); search.focus(); });
    document.addEventListener("keydown", function (event) {
      var typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (event.key === "Escape") { reset(); }
      if (typing || event.ctrlKey || event.metaKey || event.altKey) { return; }
      if (event.key === "/") { event.preventDefault(); search.focus(); }
      if (event.key === "j" || event.key === "k") { move(event.key === "j" ? 1 : -1); }
    });
    window.addEventListener("beforeprint", function () {
      all("details").forEach(function (element) { element.open = true; });
    });
    window.addEventListener("hashchange", follow);
    apply();
    follow();
  }

  function move(by) {
    var visible = cards.filter(function (card) { return !card.hidden; });
    var at = visible.indexOf(document.activeElement);
    var next = visible[at < 0 ? (by > 0 ? 0 : visible.length - 1) : at + by];
    if (next) { next.focus(); next.scrollIntoView({ block: "start" }); }
  }

  function follow() {
    var target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (target && target.hidden) { reset(); }
    if (target && target.focus) { target.focus(); target.scrollIntoView({ block: "start" }); }
  }
})();
