// "/" goes to the search of the page; the line of what is going on is kept up to date, and so is the page once a run has
// ended. Everything works without this file.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(input|textarea|select)$/i.test(document.activeElement?.tagName ?? "")) return;
  const search = document.querySelector("input[type=search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});

const live = document.getElementById("live");

// Nobody's typing is taken away.
function busy() {
  const main = document.getElementById("main");
  return main.querySelector("textarea") || /^(input|select)$/i.test(document.activeElement?.tagName ?? "");
}

async function refresh() {
  if (busy()) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected || busy()) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.getElementById("main").replaceChildren(...page.getElementById("main").childNodes);
}

function show({ words, running, bad, done, total }) {
  live.querySelector("span").textContent = words;
  live.classList.toggle("running", running);
  live.classList.toggle("bad", bad);
  const bar = live.querySelector("progress");
  bar.hidden = total === 0;
  bar.max = Math.max(total, 1);
  bar.value = done;
}

// A page that nobody sees listens to nothing: browsers open six connections, not more.
let events = null;
function listen() {
  if (document.hidden || !live || events) return;
  events = new EventSource(live.dataset.from);
  events.addEventListener("strip", (event) => show(JSON.parse(event.data)));
  events.addEventListener("ended", refresh);
}
function rest() {
  events?.close();
  events = null;
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return rest();
  listen();
  refresh();
});
addEventListener("pagehide", rest);
addEventListener("pageshow", listen);
