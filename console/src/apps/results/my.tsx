import type { MyScreen } from "~/portal/screen";
import { Glyph } from "~/ui/plain/Glyph";

export const my: MyScreen = {
  name: "results",
  path: "/results",
  icon: <Glyph name="sheet" />,
  group: "health",
  order: 20,
  elder: 2,
  load: () => import("./MyResults"),
  pages: [
    { key: "report", path: "/results/report/:id", load: () => import("./MyReport") },
    { key: "one", path: "/results/:id", load: () => import("./MyResult") },
  ],
};
