import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./css/tokens.css";
import "./css/base.css";
import "./css/shell.css";
import "./css/controls.css";
import "./css/graph.css";
import "./css/answer.css";
import "./css/views.css";
import "./css/text.css";
import { App } from "./app";
import { watchForever } from "./state/connection";

const page = document.getElementById("page");
if (page !== null) render(<App />, page);
void watchForever();
