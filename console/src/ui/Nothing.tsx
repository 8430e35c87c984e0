// An empty list says what to do.
import { Empty } from "antd";
import type { ReactNode } from "react";

export function Nothing({ say, children }: { say: string; children?: ReactNode }) {
  return <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={say}>{children}</Empty>;
}
