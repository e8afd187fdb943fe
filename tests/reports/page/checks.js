(() => {
  // What is wrong with a page for people who see badly, or don't see: contrast (WCAG 2.2, 1.4.3), names, landmarks.
  const wrong = [];
  const say = (what, one) => wrong.push(`${what}: ${one.outerHTML.slice(0, 120)}`);
  const numbers = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = numbers(color).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor, parts = numbers(color);
      if (parts.length < 4 || parts[3] === 1) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || ["SCRIPT", "STYLE"].includes(one.tagName)) continue;
    const svg = one.closest("svg"), color = getComputedStyle(one)[svg ? "fill" : "color"];
    const [low, high] = [light(color), light(behind(one))].sort((a, b) => a - b);
    if ((high + 0.05) / (low + 0.05) < 4.5) say(`contrast ${((high + 0.05) / (low + 0.05)).toFixed(2)}`, one);
  }
  for (const line of document.querySelectorAll("path.line")) {
    const [low, high] = [light(getComputedStyle(line).stroke), light(behind(line))].sort((a, b) => a - b);
    if ((high + 0.05) / (low + 0.05) < 3) say("contrast of a line", line);
  }
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  let level = 0;
  for (const head of document.querySelectorAll("h1, h2, h3, h4")) {
    if (Number(head.tagName[1]) > level + 1) say("a heading's level is left out", head);
    level = Number(head.tagName[1]);
  }
  for (const name of ["header", "main", "footer"]) {
    if (document.querySelectorAll(name).length !== 1) wrong.push(`not one ${name}`);
  }
  if (!document.documentElement.lang || !document.title) wrong.push("no language or title");
  for (const one of document.querySelectorAll("img:not([alt]), svg:not([aria-label]):not([aria-hidden])")) say("no text", one);
  for (const one of document.querySelectorAll("input:not([aria-label])")) say("no label", one);
  for (const one of document.querySelectorAll("button")) if (!one.textContent.trim()) say("no name", one);
  for (const one of document.querySelectorAll("th:not([scope])")) say("no scope", one);
  for (const one of document.querySelectorAll(".scroll:not([tabindex])")) say("no focus", one);
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  if (new Set(ids).size < ids.length) wrong.push("an id is there twice");
  return wrong;
})()
