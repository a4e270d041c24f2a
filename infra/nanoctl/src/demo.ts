export async function demo(_: readonly string[]): Promise<void> {}
