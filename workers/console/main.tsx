import { render } from "preact";
import { App } from "./app.tsx";
import { chooseTheme, chosenTheme } from "./theme.ts";

chooseTheme(chosenTheme());
const container = document.getElementById("app") as HTMLElement;
container.replaceChildren();
render(<App />, container);
