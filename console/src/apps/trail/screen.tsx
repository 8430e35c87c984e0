import { FileSearchOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "trail",
  path: "/trail",
  icon: <FileSearchOutlined />,
  group: "platform",
  order: 50,
  roles: ["audit-administrator"],
  load: () => import("./Trail"),
};
