/** Dark and light: as the system has it, or as was chosen here. @module */
/** @import { IconName } from "./dom.js" */
import { fill, icon } from "./dom.js";

const KEY = "smtpd-theme";

/** @type {readonly { name: string, icon: IconName, says: string }[]} */
const THEMES = [
  { name: "system", icon: "system", says: "as the system" },
  { name: "light", icon: "light", says: "light" },
  { name: "dark", icon: "dark", says: "dark" },
];

/** @returns {number} the place of the chosen theme */
function chosen() {
  try {
    const name = localStorage.getItem(KEY);
    return Math.max(0, THEMES.findIndex((theme) => theme.name === name));
  } catch {
    // A browser may keep nothing for this page.
    return 0;
  }
}

let current = chosen();
document.documentElement.dataset.theme = THEMES[current].name;

/**
 * Makes a button switch the theme.
 *
 * @param {HTMLElement} button
 */
export function switchTheme(button) {
  function show() {
    const theme = THEMES[current];
    document.documentElement.dataset.theme = theme.name;
    const label = `Colours: ${theme.says}`;
    button.setAttribute("aria-label", label);
    button.title = label;
    fill(button, icon(theme.icon));
  }
  button.addEventListener("click", () => {
    current = (current + 1) % THEMES.length;
    try {
      localStorage.setItem(KEY, THEMES[current].name);
    } catch {
      // Then it lasts until the page is left.
    }
    show();
  });
  show();
}
