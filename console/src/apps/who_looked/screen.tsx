import { QuestionCircleOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "who_looked",
  path: "/look-questions",
  icon: <QuestionCircleOutlined />,
  group: "platform",
  order: 36,
  roles: ["audit-administrator"],
  load: () => import("./Questions"),
};
