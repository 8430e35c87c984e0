import type { MyScreen } from "~/portal/screen";
import { Glyph } from "~/ui/plain/Glyph";

export const my: MyScreen = {
  name: "devices",
  path: "/devices",
  icon: <Glyph name="device" />,
  group: "health",
  order: 70,
  load: () => import("./MyDevices"),
  pages: [{ key: "curve", path: "/devices/:metric", load: () => import("./MyCurve") }],
};
