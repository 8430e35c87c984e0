import { CalendarOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "today",
  path: "/today",
  icon: <CalendarOutlined />,
  group: "care",
  order: 1,
  roles: ["doctor", "nurse", "family-doctor", "registrar"],
  load: () => import("./Today"),
};
