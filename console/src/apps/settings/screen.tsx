import { SettingOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "settings",
  path: "/settings",
  icon: <SettingOutlined />,
  group: "platform",
  order: 70,
  roles: ["system-administrator", "security-administrator"],
  load: () => import("./Settings"),
};
