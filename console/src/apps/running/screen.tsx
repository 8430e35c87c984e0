import { DashboardOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "running",
  path: "/running",
  icon: <DashboardOutlined />,
  group: "platform",
  order: 60,
  roles: ["system-administrator", "security-administrator"],
  load: () => import("./Running"),
};
