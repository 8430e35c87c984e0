// A list: dense, paged, exported, reachable by keyboard where it is wider than the window.
//
// A column says by `text` what a row shows in it; `render` only draws that otherwise. What is exported are the texts.
// A list that the server pages gives `more`; a whole one is paged here.
import { Button, Flex, Table, Typography, type TableProps } from "antd";
import type { ColumnType } from "antd/es/table";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { ExportButton, type Cell } from "./ExportButton";

const PAGE = 50;

export interface Column<Row> extends Omit<ColumnType<Row>, "title"> {
  title: string;
  /** What a row says here: a number where it is one, else text, and an identifier always is. */
  text?: (row: Row) => Cell;
}

interface Shown<Row extends object> extends Omit<TableProps<Row>, "columns" | "title"> {
  columns: Column<Row>[];
  /** What the list is called in the workbook; without it there is none. about: the resource that a row is about. */
  exported?: { title: string; about?: (row: Row) => string; all?: () => Promise<readonly Row[]> };
  /** Where the server has more rows than were fetched. */
  more?: { has: boolean; fetching: boolean; fetch: () => void };
  /** Beside the export: filters. */
  tools?: React.ReactNode;
}

export function Rows<Row extends object>({ columns, exported, more, tools, dataSource = [], pagination, ...rest }: Shown<Row>) {
  const { t } = useTranslation();
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // Ant Design's scrolling part takes no focus by itself (WCAG 2.1.1).
    for (const part of place.current?.querySelectorAll<HTMLElement>(".ant-table-content, .ant-table-body") ?? []) part.tabIndex = 0;
    // It measures by a hidden row that repeats the heads, with all that takes focus in them.
    for (const row of place.current?.querySelectorAll<HTMLElement>(".ant-table-measure-row") ?? []) row.inert = true;
  });
  const paged = pagination ?? (!more && dataSource.length > PAGE ? { pageSize: PAGE, showSizeChanger: false } : false);
  return (
    <div ref={place} style={{ minWidth: 0 }}>
      {tools || exported ? (
        <Flex justify="space-between" align="center" gap={8} wrap style={{ marginBottom: 8 }}>
          <Flex gap={8} wrap align="center" style={{ minWidth: 0, marginInlineEnd: "auto" }}>{tools}</Flex>
          {exported ? (
            <ExportButton
              title={exported.title} columns={columns.filter(hasText).map((one) => one.title)} disabled={dataSource.length === 0}
              rows={async () => {
                const rows = exported.all ? await exported.all() : dataSource;
                return {
                  rows: rows.map((row) => columns.filter(hasText).map((column) => textOf(column, row))),
                  about: exported.about ? rows.map(exported.about) : [],
                };
              }}
            />
          ) : null}
        </Flex>
      ) : null}
      <Table<Row>
        rowKey="id" size="small" scroll={{ x: "max-content" }} {...rest} dataSource={dataSource} pagination={paged}
        columns={columns.map(({ text, ...one }) => ({ render: text ? (_: unknown, row: Row) => text(row) : undefined, ...one }))}
      />
      {more?.has ? (
        <Flex align="center" gap={12} style={{ marginTop: 8 }}>
          <Button onClick={more.fetch} loading={more.fetching}>{t("ui.more")}</Button>
          <Typography.Text type="secondary">{t("ui.shown", { count: dataSource.length })}</Typography.Text>
        </Flex>
      ) : null}
    </div>
  );
}

const hasText = <Row,>(column: Column<Row>): boolean => column.text !== undefined || typeof column.dataIndex === "string";

function textOf<Row extends object>(column: Column<Row>, row: Row): Cell {
  if (column.text) return column.text(row);
  const value = (row as Record<string, unknown>)[column.dataIndex as string];
  return typeof value === "number" ? value : value === undefined || value === null ? "" : String(value);
}
