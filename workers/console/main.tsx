import { render } from "preact";
import { App } from "./app.tsx";

const place = document.getElementById("app") as HTMLElement;
place.replaceChildren();
render(<App />, place);
