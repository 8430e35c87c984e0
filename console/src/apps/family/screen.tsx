import { HomeOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "family",
  path: "/family",
  icon: <HomeOutlined />,
  group: "care",
  order: 60,
  roles: ["registrar"],
  load: () => import("./Desk"),
};
