// HL7 v2 messages of the feed's institution that were refused and are kept aside, each with why.
import { useQuery } from "@tanstack/react-query";
import { Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { minuteOf } from "~/ui/time";
import { pathOf, type Feed } from "./feed";

interface Message {
  id: number;
  sender: string;
  control: string;
  received: string;
  times: number;
  size: number;
  reasons: { part: string; shown: string; whole: boolean; why: string }[];
}

export function Messages({ feed }: { feed: Feed }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const found = useQuery({ queryKey: ["feed", feed.name, "messages"], queryFn: () => client.get<Message[]>(pathOf(feed.name, "/messages")) });
  return (
    <Flex vertical gap={12}>
      <Typography.Text type="secondary">{t("messages-say")}</Typography.Text>
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows<Message>
        dataSource={found.data ?? []} loading={found.isPending} exported={{ title: `${feed.title} ${t("tabs.messages")}` }} locale={{ emptyText: <Nothing say={t("no-messages")} /> }}
        columns={[
          { title: t("control"), text: (one) => one.control },
          { title: t("sender"), text: (one) => one.sender },
          { title: t("received-at"), text: (one) => minuteOf(one.received) },
          { title: t("times"), text: (one) => one.times, align: "right" },
          { title: t("why-refused"), text: (one) => reasonsOf(one), render: (_, one) => <span style={{ display: "block", minWidth: 240, maxWidth: 560, whiteSpace: "pre-line" }}>{reasonsOf(one)}</span> },
        ]}
      />
    </Flex>
  );
}

const reasonsOf = (one: Message): string => one.reasons.map((why) => `${why.part} ${why.shown} ${why.why}`.trim()).join("\n");
