import { render } from "preact";
import { App } from "./app.tsx";

const container = document.getElementById("app") as HTMLElement;
container.replaceChildren();
render(<App />, container);
