// Search: finds sections that have all words that were typed, as words or the beginnings of words. What it shows is text, never markup.
const form = document.querySelector("form[role=search]");
const input = form.querySelector("input");
const list = form.querySelector("ol");
let sections; // fetched when somebody searches

async function load() {
  sections ??= fetch(form.dataset.index).then((answer) => {
    if (!answer.ok) throw new Error(`the index: ${answer.status}`);
    return answer.json();
  }).then((all) => all.map((s) => ({
    ...s, lower: s.text.toLowerCase(), title: `${s.page} ${s.heading}`.toLowerCase(),
  })));
  return sections;
}

// score is 0 for a section that lacks a word.
function score(section, words) {
  let sum = 0;
  for (const word of words) {
    const title = section.title.includes(word), at = section.lower.indexOf(word);
    if (!title && at < 0) return 0;
    sum += (title ? 20 : 0) + (at < 0 ? 0 : 1 + Math.min(5, section.lower.split(word).length - 1));
  }
  return sum;
}

// around is the text near the first of the words.
function around(section, words) {
  const at = Math.max(0, ...words.map((w) => section.lower.indexOf(w)));
  const start = Math.max(0, at - 60);
  return (start ? "…" : "") + section.text.slice(start, at + 120) + "…";
}

function row(section, words) {
  const item = document.createElement("li"), link = document.createElement("a"), text = document.createElement("p");
  link.href = form.dataset.root + section.url;
  link.textContent = section.heading ? `${section.page}: ${section.heading}` : section.page;
  text.textContent = around(section, words);
  item.append(link, text);
  return item;
}

async function search() {
  const words = input.value.toLowerCase().split(/\s+/).filter((w) => w.length > 1);
  if (!words.length) {
    list.hidden = true;
    return;
  }
  let all;
  try {
    all = await load();
  } catch (err) {
    sections = undefined; // the next letter tries again
    list.replaceChildren(Object.assign(document.createElement("li"), { textContent: `no search: ${err.message}` }));
    list.hidden = false;
    return;
  }
  const found = all.map((s) => [score(s, words), s]).filter(([n]) => n).sort(([a], [b]) => b - a).slice(0, 12);
  list.replaceChildren(...found.map(([, s]) => row(s, words)));
  if (!found.length) list.append(Object.assign(document.createElement("li"), { textContent: "nothing found" }));
  list.hidden = false;
}

input.addEventListener("input", search);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  list.querySelector("a")?.click();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== input) {
    event.preventDefault();
    input.focus();
  } else if (event.key === "Escape") {
    list.hidden = true;
    input.blur();
  }
});
