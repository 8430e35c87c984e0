import type { MyScreen } from "~/portal/screen";
import { Glyph } from "~/ui/plain/Glyph";

export const my: MyScreen = {
  name: "who_looked",
  path: "/looked",
  icon: <Glyph name="eye" />,
  group: "family",
  order: 30,
  load: () => import("./WhoLooked"),
  pages: [
    { key: "asked", path: "/looked/asked", load: () => import("./Asked") },
    { key: "not-mine", path: "/looked/not-mine", load: () => import("./NotMine") },
  ],
};
