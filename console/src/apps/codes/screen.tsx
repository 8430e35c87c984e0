import { ApartmentOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "codes",
  path: "/codes",
  icon: <ApartmentOutlined />,
  group: "institutions",
  order: 30,
  roles: ["coder", "terminologist"],
  load: () => import("./Codes"),
};
