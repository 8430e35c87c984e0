import type { MyScreen } from "~/portal/screen";
import { Glyph } from "~/ui/plain/Glyph";

export const my: MyScreen = {
  name: "consents",
  path: "/consents",
  icon: <Glyph name="shield" />,
  group: "family",
  order: 20,
  load: () => import("./MyConsents"),
};
