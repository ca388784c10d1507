const key = "upriver-theme";
const themes = ["auto", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

/** Returns the theme that was chosen in this browser; the system's unless one was. */
export function chosenTheme(): Theme {
  return themes.find((theme) => theme === localStorage.getItem(key)) ?? "auto";
}

/** Shows a theme, and keeps the choice. */
export function chooseTheme(theme: Theme): void {
  localStorage.setItem(key, theme);
  // An attribute, since the build replaces light-dark() by what follows the style sheet's color-scheme alone.
  document.documentElement.dataset.theme = theme;
}

/** Returns the theme that follows another one. */
export function nextTheme(theme: Theme): Theme {
  return themes[(themes.indexOf(theme) + 1) % themes.length] as Theme;
}
