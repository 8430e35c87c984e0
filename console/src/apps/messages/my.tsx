import type { MyScreen } from "~/portal/screen";
import { Glyph } from "~/ui/plain/Glyph";

export const my: MyScreen = {
  name: "messages",
  path: "/messages",
  icon: <Glyph name="mail" />,
  group: "health",
  order: 80,
  load: () => import("./MyMessages"),
};
