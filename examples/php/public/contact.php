<?php
header('Content-Type: text/plain');
if (trim($_POST['message'] ?? '') === '') {
    http_response_code(422);
    echo "the message is missing\n";
    return;
}
echo 'thank you for ', strlen($_POST['message']), " letters\n";
