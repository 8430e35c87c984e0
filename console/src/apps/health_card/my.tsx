import type { MyScreen } from "~/portal/screen";
import { Glyph } from "~/ui/plain/Glyph";

export const my: MyScreen = {
  name: "health_card",
  path: "/code",
  icon: <Glyph name="code" />,
  group: "health",
  order: 10,
  elder: 1,
  acts: true,
  load: () => import("./MyCode"),
  pages: [{ key: "print", path: "/code/print", load: () => import("./MyCard") }],
};
