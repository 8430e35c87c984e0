import { IdcardOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "staff",
  path: "/staff",
  icon: <IdcardOutlined />,
  group: "platform",
  order: 10,
  roles: ["system-administrator", "security-administrator", "audit-administrator"],
  load: () => import("./Staff"),
};
