import { BankOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "registers",
  path: "/registers",
  icon: <BankOutlined />,
  group: "platform",
  order: 20,
  roles: ["system-administrator"],
  load: () => import("./Registers"),
};
