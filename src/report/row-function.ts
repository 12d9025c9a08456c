import { DuckDBScalarFunction, VARCHAR, type DuckDBConnection } from '@duckdb/node-api';
import { rowOf } from '../journal/row.ts';

/** Name of `rowOf` in SQL. It takes the text of an item; NULL for NULL. */
export const ROW_FUNCTION = 'row_of_item';

/** Makes `rowOf` a function of SQL, so that a row has one name, whoever asks for it. */
export function registerRowFunction(connection: DuckDBConnection): void {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: ROW_FUNCTION,
      parameterTypes: [VARCHAR],
      returnType: VARCHAR,
      mainFunction: (_info, input, output) => {
        const items = input.getColumnVector(0);
        for (let index = 0; index < input.rowCount; index += 1) {
          const item = items.getItem(index);
          output.setItem(index, typeof item === 'string' ? rowOf(JSON.parse(item)) : null);
        }
        output.flush();
      },
    }),
  );
}
