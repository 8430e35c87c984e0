import { AuditOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "approvals",
  path: "/approvals",
  icon: <AuditOutlined />,
  group: "platform",
  order: 5,
  roles: "all",
  load: () => import("./Approvals"),
};
