import type { MyScreen } from "~/portal/screen";
import { Glyph } from "~/ui/plain/Glyph";

export const my: MyScreen = {
  name: "family",
  path: "/family",
  icon: <Glyph name="family" />,
  group: "family",
  order: 10,
  own: true,
  load: () => import("./MyFamily"),
  pages: [{ key: "ask", path: "/family/ask", load: () => import("./AskFamily") }],
};
