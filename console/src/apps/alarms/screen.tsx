import { AlertOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "alarms",
  path: "/alarms",
  icon: <AlertOutlined />,
  group: "care",
  order: 20,
  roles: ["duty-officer", "doctor", "nurse", "family-doctor", "system-administrator"],
  load: () => import("./Live"),
  pages: [
    { path: "/alarms/all", load: () => import("./History") },
    { path: "/alarms/duty", load: () => import("./Duty") },
    { path: "/alarms/figures", load: () => import("./Figures") },
  ],
};
