// A table of rows: dense, paged by the server, reachable by keyboard where it is wider than the window.
import { Table, type TableProps } from "antd";
import { useEffect, useRef } from "react";

export function Rows<Row extends object>(props: TableProps<Row>) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // Ant Design's scrolling part takes no focus by itself (WCAG 2.1.1).
    for (const part of place.current?.querySelectorAll<HTMLElement>(".ant-table-content, .ant-table-body") ?? []) part.tabIndex = 0;
  });
  return (
    <div ref={place}>
      <Table<Row> rowKey="id" size="small" pagination={false} scroll={{ x: 640 }} {...props} />
    </div>
  );
}
