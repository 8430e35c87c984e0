// Persons are masked until somebody opens them with a reason; that leaves its row.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button, Flex, Input, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { answered, parameters } from "~/fhir/parameters";
import { ProblemBox } from "~/ui/ProblemBox";

export function OpenWhole({ references }: { references: string[] }) {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  const client = useClient();
  const queries = useQueryClient();
  const [reason, setReason] = useState("");
  const opening = useMutation({
    mutationFn: async () => {
      for (const one of await registrations()) await client.post(`${one}/$open`, parameters({ reason: reason.trim() }));
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ["identity"] }),
  });
  // A resident is not opened; his registrations are.
  async function registrations(): Promise<string[]> {
    const linked = await Promise.all(references.map((one) => client.get<fhir4.Parameters>(`${one}/$links`)));
    const all = linked.flatMap((said) => answered(said).values<fhir4.Reference>("registration").map((one) => one.reference ?? ""));
    return [...new Set(all)];
  }
  return (
    <div>
      <ProblemBox error={opening.error} />
      <Flex gap={8} wrap align="center">
        <Typography.Text type="secondary">{t("masked")}</Typography.Text>
        <Input
          style={{ width: 220 }} aria-label={t("open-reason")} placeholder={t("open-reason")} value={reason} maxLength={500}
          onChange={(event) => setReason(event.target.value)} onPressEnter={() => reason.trim() && opening.mutate()}
        />
        <Button disabled={!reason.trim()} loading={opening.isPending} onClick={() => opening.mutate()}>{t("open-whole")}</Button>
      </Flex>
    </div>
  );
}
