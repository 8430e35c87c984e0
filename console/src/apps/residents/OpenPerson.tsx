// Showing a person whole, for a stated reason: the usual ones by one press, any other in words.
import { useMutation } from "@tanstack/react-query";
import { Button, Flex, Form, Input, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { ProblemBox } from "~/ui/ProblemBox";

const USUAL = ["visit", "follow-up", "desk"];

export function OpenPerson({ registration, onOpened }: { registration: string; onOpened: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents.opening" });
  const client = useClient();
  const opening = useMutation({
    mutationFn: (reason: string) =>
      client.post(`Patient/${registration}/$open`, { resourceType: "Parameters", parameter: [{ name: "reason", valueString: reason }] }),
    onSuccess: onOpened,
  });
  return (
    <Flex vertical gap={12}>
      <Typography.Text type="secondary">{t("say")}</Typography.Text>
      <Flex gap={8} wrap>
        {USUAL.map((one) => <Button key={one} disabled={opening.isPending} onClick={() => opening.mutate(t(one))}>{t(one)}</Button>)}
      </Flex>
      <Form layout="vertical" onFinish={({ reason }: { reason: string }) => opening.mutate(reason)}>
        <Form.Item name="reason" label={t("other")} rules={[{ required: true, min: 2, whitespace: true, message: t("wanting") }]}>
          <Input maxLength={200} autoComplete="off" />
        </Form.Item>
        <Button type="primary" htmlType="submit" loading={opening.isPending}>{t("go")}</Button>
      </Form>
      <ProblemBox error={opening.error} />
    </Flex>
  );
}
