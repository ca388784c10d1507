import { useState } from "preact/hooks";
import { chooseTheme, chosenTheme, nextTheme } from "../theme.ts";

const signs = { auto: "◐", light: "☀", dark: "☾" };

/** A button that changes between the system's theme, the light and the dark one. */
export function ThemeButton() {
  const [theme, setTheme] = useState(chosenTheme);
  const change = () => {
    const next = nextTheme(theme);
    chooseTheme(next);
    setTheme(next);
  };
  return (
    <button type="button" class="quiet" onClick={change} title="Change the theme" aria-label={`Theme: ${theme}`}>
      <span aria-hidden="true">{signs[theme]}</span>
    </button>
  );
}
